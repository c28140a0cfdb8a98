"""Run all benchmarks and print their tables."""

from benchmarks import certification, clouds, corrections, overhead, points

if __name__ == "__main__":
    certification.main()
    corrections.main()
    overhead.main()
    points.main()
    clouds.main()
