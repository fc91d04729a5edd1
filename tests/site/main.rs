//! Tests of the site through its real router over a real socket, of its store, and of its process.

#![expect(clippy::unwrap_used, reason = "a test fails at the first error")]

mod admission;
mod azure;
mod backup;
mod connections;
mod crash;
mod disk_full;
mod every_store;
mod faults;
mod forms;
mod harness;
mod hostile;
mod http;
mod imports;
mod load;
mod opening;
mod pages;
mod photo_memory;
mod photos;
mod plain_sql;
mod private_files;
mod process;
mod program;
mod proxy;
mod rates;
mod redirect;
mod rig;
mod slow_forms;
mod soak;
mod sqlite_log;
mod staff;
mod staff_addition;
mod staff_deletion;
mod staff_faults;
mod start_sh;
mod store;
mod store_deletion;
mod store_reviews;
mod store_search;
mod store_staff;
mod store_staff_lists;
mod telemetry;
mod unread_log;
mod upload_turns;
mod writer;
