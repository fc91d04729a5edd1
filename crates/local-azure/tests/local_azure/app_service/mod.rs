//! Web apps, deployed and run as on App Service on Linux, with real processes.

mod authentication;
mod deployment;
mod front_end;
mod kudu;
mod life;
mod own_sign_in;
