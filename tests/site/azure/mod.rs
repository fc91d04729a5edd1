//! Tests with real parts of Azure: PostgreSQL, Azurite, and tokens that Local Azure issues. `./test.sh quick` skips them,
//! and the tests elsewhere whose names end in `postgresql` or `in_blob_storage`.

mod blobs;
mod cache;
mod managed_identity;
mod passwordless;
mod plans;
mod postgres;
mod search;
