//! Tests of the crate; each module is a suite.

#![expect(clippy::unwrap_used, reason = "a test fails at the first error")]

mod hostile;
mod jpeg;
mod pillow;
mod png;
mod samples;
mod scaling;
mod seeds;
mod webp;
