//! This crate only selects features of dependencies: see `Cargo.toml`.
