#!/usr/bin/env bash
# Compiles a crate of the workspace and fails on every warning, Clippy's included. test.sh sets RUSTC_WORKSPACE_WRAPPER
# to this file, so one build serves both the lints and the tests. `cargo clippy` reports the same warnings, but shares
# no dependency with the tests: it would compile all of them again.
#
# Other shells may drop CARGO_BIN_EXE_restaurant-review from the environment, because of its hyphens.
exec clippy-driver "$@" -Dwarnings
