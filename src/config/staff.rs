//! Who may use the staff pages, `/admin/`.

use uuid::Uuid;

use super::reader::Reader;

/// Who may use the staff pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffAccess {
    /// No one: the pages do not exist.
    Off,
    /// No one: `ADMIN_PRINCIPALS` is set, but App Service Authentication is off or this is not App Service, so that the
    /// headers that name a visitor may be forged.
    NoAuthentication,
    /// These, signed in by App Service Authentication.
    Listed(Vec<Principal>),
    /// Whoever opens the one-time link in the log, on this machine.
    ThisMachine,
}

/// One entry of `ADMIN_PRINCIPALS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A user principal name, in lower case. It has an `@`.
    Account(String),
    /// The object id of a user.
    ObjectId(Uuid),
    /// The value of an app role.
    Role(String),
}

impl StaffAccess {
    /// Reads `ADMIN_PRINCIPALS`, and `WEBSITE_AUTH_ENABLED`, which App Service sets while its authentication is on. (The
    /// platform then removes the headers that name a visitor from what clients send:
    /// <https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities>.) Elsewhere nothing removes
    /// them, so the variable is ignored. `is_private`: the site has no visitors but the developer on this machine.
    pub(super) fn read(reader: &mut Reader<'_>, on_app_service: bool, is_private: bool) -> Self {
        let variable = |name: &str| reader.variables.get(name).cloned();
        let is_authenticated =
            on_app_service && variable("WEBSITE_AUTH_ENABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match variable("ADMIN_PRINCIPALS") {
            Some(list) => {
                let principals: Vec<_> = list.split([',', ';']).filter_map(Principal::parse).collect();
                if principals.is_empty() {
                    reader.fault(
                        "ADMIN_PRINCIPALS names nobody. It must be a list of user principal names, object ids or app \
                         roles, separated by commas. Unset it to switch the staff pages off."
                            .to_owned(),
                    );
                }
                if is_authenticated {
                    Self::Listed(principals)
                } else {
                    Self::NoAuthentication
                }
            }
            None if is_private => Self::ThisMachine,
            None => Self::Off,
        }
    }
}

impl Principal {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        Some(if text.contains('@') {
            Self::Account(text.to_lowercase())
        } else if let Ok(id) = Uuid::try_parse(text) {
            Self::ObjectId(id)
        } else {
            Self::Role(text.to_owned())
        })
    }
}
