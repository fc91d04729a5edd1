"""What docs/scale.md says is measured here, with the benchmark's own tools (benches/bench)."""
