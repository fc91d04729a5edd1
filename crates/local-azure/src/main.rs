//! The command `local-azure`.

fn main() {}
