//! What pages share: reading a request, answering it.

mod client;
mod conditional;
mod cookie;
mod form;
mod incomplete;
mod local_door;
mod next_page;
mod notice;
mod page;
mod path;
mod principal;
mod query;
mod rates;
mod received;
mod security;
mod site_url;
mod staff;
mod upload_memory;
mod writer_links;

pub use self::client::{Client, FrontEnd, identify_client, is_from_this_machine};
pub use self::conditional::{accepts_gzip, has_etag};
pub use self::form::{FormBody, FormFields, SentPhoto, Uploads};
pub use self::local_door::{LocalDoor, SESSION_FOR};
pub use self::next_page::NextPage;
pub use self::notice::{FRESH_FOR, Notice};
pub use self::page::{Chrome, HTML, Page};
pub use self::path::PathParameter;
pub use self::principal::{SignedIn, Unclear};
pub use self::query::{query_pairs, with_query};
pub use self::rates::{Rates, TOO_MANY_FORMS};
pub use self::security::{PRIVATE_PATHS, SecurityHeaders, keep_private, security_headers};
pub use self::site_url::SiteUrl;
pub use self::staff::Staff;
pub use self::writer_links::{WriterLinks, writer_url};
