//! The values of `IDENTITY_HEADER`.

use std::collections::HashMap;
use std::sync::RwLock;

use uuid::Uuid;

/// Which web app may ask for tokens by which `IDENTITY_HEADER`: a secret that App Service tells the app's own processes
/// and nobody else, and that changes at each start. So it is in memory alone.
/// <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>
#[derive(Default)]
pub struct IdentityHeaders(RwLock<HashMap<String, String>>);

impl IdentityHeaders {
    /// A new header for that app; its others hold until [`IdentityHeaders::revoke`].
    pub fn give(&self, app: &str) -> String {
        let header = Uuid::new_v4().simple().to_string().to_uppercase();
        let mut headers = self.0.write().expect("no change panics");
        headers.insert(header.clone(), app.to_owned());
        header
    }

    /// The app with that header.
    #[must_use]
    pub fn app(&self, header: &str) -> Option<String> {
        self.0.read().expect("no change panics").get(header).cloned()
    }

    /// Ends a header, when the process that knew it has ended.
    pub fn revoke(&self, header: &str) {
        self.0.write().expect("no change panics").remove(header);
    }
}
