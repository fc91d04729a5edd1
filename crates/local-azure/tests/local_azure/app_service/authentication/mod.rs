//! App Service Authentication.

mod browser;
mod guarded;
mod hostile;
mod sign_in;
