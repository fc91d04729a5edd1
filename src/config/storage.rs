//! Where Blob Storage is.

use url::Url;

use super::reader::Reader;

/// The container in Azure Blob Storage that keeps the photos.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// `STORAGE_ACCOUNT_NAME`: the account's name, or the full URL of its blob service, such as
    /// `https://127.0.0.1:10000/devstoreaccount1` for Azurite. This field is always the URL, without a trailing
    /// slash.
    pub account_url: Url,
    /// `STORAGE_CONTAINER_NAME`: the container. Default `photos`.
    pub container: String,
    /// `PHOTOS_BASE_URL`: where browsers load the photos from, if not through the site. Without a trailing slash.
    pub photos_base_url: Option<Url>,
    /// `AZURE_CLIENT_ID`, or Service Connector's `AZURE_STORAGEBLOB_CLIENTID`: the client id of the managed identity. If
    /// both are set, they must be equal.
    pub client_id: Option<String>,
}

impl StorageConfig {
    /// Reads the settings; `None` without `STORAGE_ACCOUNT_NAME` (or Service Connector's name for it).
    pub(super) fn read<G: Fn(&str) -> Option<String>>(reader: &mut Reader<'_, G>) -> Option<Self> {
        let account = reader.one_of_by(
            &["STORAGE_ACCOUNT_NAME", "AZURE_STORAGEBLOB_RESOURCEENDPOINT"],
            // A name and its URL are the same setting.
            |value| account_url(value).map_or_else(|| value.to_owned(), |url| url.to_string()),
        );
        let base_url = reader.one_of(&["PHOTOS_BASE_URL"]);
        let Some((variable, account)) = account else {
            if base_url.is_some() {
                reader.fault(
                    "PHOTOS_BASE_URL is set, but STORAGE_ACCOUNT_NAME is not: only the site can \
                     serve photos from a folder. Set STORAGE_ACCOUNT_NAME, or unset PHOTOS_BASE_URL."
                        .to_owned(),
                );
            }
            return None;
        };
        let account_url = account_url(&account).unwrap_or_else(|| {
            reader.fault(format!(
                "{variable} is {account:?}, but it must be the name of a storage account (3 to 24 lower-case letters \
                 and digits) or an https URL, such as https://127.0.0.1:10000/devstoreaccount1."
            ));
            Url::parse("https://invalid").expect("a URL")
        });
        let photos_base_url = base_url.and_then(|(variable, text)| {
            let url = without_slash(&text).filter(|url| {
                matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none()
            });
            if url.is_none() {
                reader.fault(format!(
                    "{variable} is {text:?}, but it must be the https URL under which browsers find the photos, such \
                     as https://contoso.blob.core.windows.net/photos."
                ));
            }
            url
        });
        Some(Self {
            account_url,
            container: reader.parse(
                "STORAGE_CONTAINER_NAME",
                "a container's name: 3 to 63 lower-case letters, digits and single hyphens",
                "photos".to_owned(),
                |name| is_container_name(name),
            ),
            photos_base_url,
            client_id: reader.client_id("AZURE_STORAGEBLOB_CLIENTID"),
        })
    }
}

/// The URL of an account's blob service, from its name or its URL. Tokens are sent only over https.
fn account_url(text: &str) -> Option<Url> {
    let is_name = (3..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if is_name {
        return Url::parse(&format!("https://{text}.blob.core.windows.net")).ok();
    }
    without_slash(text).filter(|url| url.scheme() == "https" && url.query().is_none() && url.fragment().is_none())
}

fn without_slash(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    url.has_host().then_some(url)
}

/// <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>
fn is_container_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}
