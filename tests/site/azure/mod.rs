//! Tests with real parts of Azure: PostgreSQL, Azurite, and tokens that Local Azure issues. `./test.sh quick` skips them, and
//! elsewhere the modules `postgresql` and the tests whose names end with `in_blob_storage`.

mod blobs;
mod cache;
mod check;
mod disk_full;
mod folding;
mod managed_identity;
mod passwordless;
mod plans;
pub mod postgres;
mod search;
mod silence;
