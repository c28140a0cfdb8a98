"""Run all benchmarks and print their tables."""

from benchmarks import certification, overhead

if __name__ == "__main__":
    certification.main()
    overhead.main()
