//! Tests of the site through its real router over a real socket, of its store, and of its process.

mod crash;
mod faults;
mod forms;
mod harness;
mod hostile;
mod pages;
mod photos;
mod plain_sql;
mod process;
mod store;
