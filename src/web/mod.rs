//! What pages share when they read a request or answer it.

mod conditional;
mod form;
mod notice;
mod page;
mod path;
mod security;
mod submission;

pub use self::conditional::{accepts_gzip, has_etag};
pub use self::form::{FormBody, SentPhoto};
pub use self::notice::Notice;
pub use self::page::{Chrome, Page, html};
pub use self::path::{IdPath, PhotoPath};
pub use self::security::{SecurityHeaders, security_headers};
pub use self::submission::SubmissionId;
