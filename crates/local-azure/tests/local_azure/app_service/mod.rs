//! Web apps, deployed and run as on App Service on Linux, with real processes.

mod deployment;
mod front_end;
mod kudu;
mod life;
