//! The values of `IDENTITY_HEADER`.

use std::collections::HashMap;
use std::sync::RwLock;

use uuid::Uuid;

/// Maps each valid `IDENTITY_HEADER` to its web app.
///
/// The header is a secret that App Service gives only to the app's own processes. It changes at each start, so it is
/// kept in memory and never written to disk.
/// <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>
#[derive(Default)]
pub struct IdentityHeaders(RwLock<HashMap<String, String>>);

impl IdentityHeaders {
    /// Creates another header for the app. Earlier headers stay valid until [`IdentityHeaders::revoke`] is called.
    pub fn give(&self, app: &str) -> String {
        let header = Uuid::new_v4().simple().to_string().to_uppercase();
        let mut headers = self.0.write().expect("no thread panics while holding the lock");
        headers.insert(header.clone(), app.to_owned());
        header
    }

    /// The app that the header belongs to.
    #[must_use]
    pub fn app(&self, header: &str) -> Option<String> {
        let headers = self.0.read().expect("no thread panics while holding the lock");
        headers.get(header).cloned()
    }

    /// Invalidates a header after the process that knew it has ended.
    pub fn revoke(&self, header: &str) {
        let mut headers = self.0.write().expect("no thread panics while holding the lock");
        headers.remove(header);
    }
}
