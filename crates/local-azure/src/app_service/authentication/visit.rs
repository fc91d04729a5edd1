//! A request of an app that has turned authentication on.

use super::memory::Memory;
use crate::app_service::platform::Platform;
use crate::proxy::Client;
use crate::state::{Authentication, WebApp};

/// A request, as the front end received it.
pub struct Visit<'a> {
    pub platform: &'a Platform,
    /// The app's name.
    pub name: &'a str,
    /// Who is signed in to the app.
    pub memory: &'a Memory,
    pub web_app: &'a WebApp,
    pub settings: &'a Authentication,
    /// The host that the visitor requested, with its port.
    pub host: &'a str,
    /// The app's name in Azure.
    pub inside: &'a str,
    /// Whether the visitor reaches Azure's own names.
    pub is_in_azure: bool,
    /// Sends requests to the tenant's authority.
    pub client: &'a Client,
}

impl Visit<'_> {
    /// The app's origin for this visitor.
    pub(super) fn origin(&self) -> String {
        format!("https://{}", self.host)
    }
}
