//! App Service Authentication ("Easy Auth"): the front end signs visitors in, and tells the app who they are.
//! <https://learn.microsoft.com/azure/app-service/overview-authentication-authorization>
//!
//! In reading order:
//!
//! - `visit`: a request of an app that has turned it on.
//! - `principal`: a visitor who is signed in, as the app sees them.
//! - `headers`: the headers about the visitor, which only the platform may set.
//! - `cookies`: the cookies of a session and of a sign-in.
//! - `returning`: where a visitor may be sent after signing in or out.
//! - `memory`: the sessions, and the sign-ins that are going on.
//! - `sign_in`: sending a visitor to the sign-in page, and what comes back from there.
//! - `credential`: the secret or the identity of the app.
//! - `tokens`: redeeming a code, and checking an ID token.
//! - `endpoints`: what is below `/.auth/`.
//! - `answers`: pages and errors.
//! - `gate`: which requests reach the app.

mod answers;
mod cookies;
mod credential;
mod endpoints;
mod gate;
mod headers;
mod memory;
mod principal;
mod returning;
mod sign_in;
mod tokens;
mod visit;

pub(super) use self::gate::admit;
pub(super) use self::headers::strip;
pub(super) use self::memory::Memory;
pub(super) use self::visit::Visit;
