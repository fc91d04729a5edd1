//! What pages share: reading a request, answering it.

mod client;
mod conditional;
mod form;
mod incomplete;
mod notice;
mod page;
mod path;
mod query;
mod rates;
mod received;
mod security;
mod upload_memory;

pub use self::client::{Client, identify_client};
pub use self::conditional::{accepts_gzip, has_etag};
pub use self::form::{FormBody, FormFields, SentPhoto, Uploads};
pub use self::notice::{FRESH_FOR, Notice};
pub use self::page::{Chrome, HTML, Page};
pub use self::path::PathParameter;
pub use self::query::{query_pairs, with_query};
pub use self::rates::{Rates, TOO_MANY_FORMS};
pub use self::security::{SecurityHeaders, security_headers};
