//! Where Blob Storage is.

use url::Url;

use super::connection_string::semicolon_pairs;
use super::reader::{Found, Reader};
use super::redact::shown;

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
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut accounts = reader.all_of(&["STORAGE_ACCOUNT_NAME", "AZURE_STORAGEBLOB_RESOURCEENDPOINT"]);
        accounts.extend(connection_strings(reader)?);
        // A name and its URL are the same setting.
        let account = reader.agreed(accounts, |value| {
            account_url(value).map_or_else(|| value.to_owned(), |url| url.to_string())
        });
        let Some(account) = account else {
            for variable in reader.named(&["AZURESTORAGEBLOB", "SPRINGCLOUDAZURESTORAGE", "STORAGECONTAINERNAME"]) {
                reader.fault(format!(
                    "{variable} is set, but STORAGE_ACCOUNT_NAME is not. Set STORAGE_ACCOUNT_NAME to the storage \
                     account, or unset {variable}."
                ));
            }
            if reader.variables.contains_key("PHOTOS_BASE_URL") {
                reader.fault(
                    "PHOTOS_BASE_URL is set, but STORAGE_ACCOUNT_NAME is not: only the site can \
                     serve photos from a folder. Set STORAGE_ACCOUNT_NAME, or unset PHOTOS_BASE_URL."
                        .to_owned(),
                );
            }
            return None;
        };
        let base_url = reader.one_of(&["PHOTOS_BASE_URL"]);
        let account_url = account_url(&account.value).unwrap_or_else(|| {
            reader.fault(account_fault(&account));
            Url::parse("https://invalid").expect("a URL")
        });
        let photos_base_url = base_url.and_then(|Found { variable, value }| {
            let url = without_slash(&value).filter(|url| {
                matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none()
            });
            if url.is_none() {
                reader.fault(format!(
                    "{variable} is {}, but it must be the https URL under which browsers find the photos, such \
                     as https://contoso.blob.core.windows.net/photos.",
                    shown(&value)
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

/// The accounts that connection strings name, each with its variable. `None` if one of them cannot be used, which is an
/// error.
fn connection_strings(reader: &mut Reader<'_>) -> Option<Vec<Found>> {
    let variables = reader.variables;
    // App Service adds the prefix to the names of its connection strings of the type Custom, which are for anything.
    let set = variables.iter().filter(|(name, value)| {
        *name == "AZURE_STORAGEBLOB_CONNECTIONSTRING"
            || name.strip_prefix("CUSTOMCONNSTR_").is_some_and(|name| {
                let value = value.to_lowercase();
                name.starts_with("AZURE_STORAGEBLOB")
                    || ["accountname=", "blobendpoint="]
                        .iter()
                        .any(|mark| value.contains(mark))
            })
    });
    let mut accounts = Vec::new();
    let faults = reader.errors.len();
    for (variable, value) in set {
        match account_in(value) {
            Ok(value) => accounts.push(Found {
                variable: variable.clone(),
                value,
            }),
            Err(fault) => reader.fault(format!("{variable} {fault}")),
        }
    }
    (reader.errors.len() == faults).then_some(accounts)
}

/// The account that a connection string names. A string with a secret is refused: the site holds none.
/// <https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string>
fn account_in(text: &str) -> Result<String, String> {
    let whole = text.trim_matches(['"', '\'']);
    // Without the value: even a single word may be a key.
    let pairs = semicolon_pairs(whole).map_err(|fault| {
        format!(
            "must be a connection string of a storage account, but {fault}. Instead of it, you can set \
             STORAGE_ACCOUNT_NAME to the account's name."
        )
    })?;
    let value = |name: &str| {
        let found = pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let account = value("AccountName").filter(|name| is_account_name(name));
    for secret in ["AccountKey", "SharedAccessSignature"] {
        if value(secret).is_some() {
            return Err(format!(
                "has the secret {secret}, but the site signs in to Blob Storage with Entra tokens and uses no secret. \
                 Unset it, set STORAGE_ACCOUNT_NAME to {}, and give the site's identity the role Storage Blob Data \
                 Contributor.",
                account.unwrap_or("the account's name")
            ));
        }
    }
    let of_name = || {
        let suffix = value("EndpointSuffix").unwrap_or("core.windows.net");
        Some(format!("https://{}.blob.{suffix}", account?))
    };
    value("BlobEndpoint")
        .map(str::to_owned)
        .or_else(of_name)
        .ok_or_else(|| "names no storage account. Set STORAGE_ACCOUNT_NAME instead.".to_owned())
}

/// What is wrong with the name or URL of an account, and which setting takes the rest of it.
fn account_fault(Found { variable, value }: &Found) -> String {
    let hint = match Url::parse(value) {
        Ok(url) if in_azure(&url) && url.path() != "/" => " STORAGE_CONTAINER_NAME takes the container.",
        _ => "",
    };
    format!(
        "{variable} is {}, but it must be the name of a storage account (3 to 24 lower-case letters \
         and digits) or an https URL, such as https://127.0.0.1:10000/devstoreaccount1.{hint}",
        shown(value)
    )
}

fn is_account_name(text: &str) -> bool {
    (3..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The URL of an account's blob service, from its name or its URL. Tokens are sent only over https.
fn account_url(text: &str) -> Option<Url> {
    if is_account_name(text) {
        return Url::parse(&format!("https://{text}.blob.core.windows.net")).ok();
    }
    let url = without_slash(text)?;
    let is_account = url.scheme() == "https"
        && url.query().is_none()
        && url.fragment().is_none()
        && !(in_azure(&url) && url.path() != "/");
    is_account.then_some(url)
}

/// Whether the account is a part of the host's name. Elsewhere, it may be the path.
fn in_azure(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.contains(".blob."))
}

fn without_slash(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    // A user name and a password would be shown to browsers, or sent with a token.
    (url.has_host() && url.username().is_empty() && url.password().is_none()).then_some(url)
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
