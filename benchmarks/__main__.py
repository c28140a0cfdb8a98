"""Run all benchmarks and print their tables."""

from benchmarks import certification, corrections, overhead, points

if __name__ == "__main__":
    certification.main()
    corrections.main()
    overhead.main()
    points.main()
