//! PNG files, which the tests write themselves: every kind, every source of colours, and damaged ones.

mod colour;
pub mod differential;
mod files;
pub mod writer;
