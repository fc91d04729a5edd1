//! The credential of a request.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use uuid::Uuid;

use super::address::Query;
use super::error::StorageError;

/// The credential of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// An access token.
    Token(&'a str),
    /// A signature of the request with the account's key.
    Key,
    /// A shared access signature with the account's key.
    KeySas,
    /// A shared access signature with a user delegation key that this principal requested.
    DelegationSas {
        /// Whose permissions it has.
        principal: Uuid,
        /// The tenant of that principal.
        tenant: Uuid,
    },
    /// No credential.
    None,
}

impl<'a> Credential<'a> {
    /// Reads the header `Authorization`, or else the query.
    ///
    /// # Errors
    ///
    /// There are several credentials, or one of a kind that Azure does not accept.
    pub fn of(headers: &'a HeaderMap, query: &Query) -> Result<Self, StorageError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        if let Some(value) = values.next() {
            let value = value.to_str().map_err(|_| StorageError::WRONG_SCHEME)?;
            let (scheme, rest) = value.split_once(' ').ok_or(StorageError::WRONG_SCHEME)?;
            return match scheme {
                _ if values.next().is_some() => Err(StorageError::WRONG_SCHEME),
                "SharedKey" | "SharedKeyLite" => Ok(Self::Key),
                // Azurite requires this capitalisation.
                "Bearer" => Ok(Self::Token(rest)),
                _ => Err(StorageError::WRONG_SCHEME),
            };
        }
        if !query.has("sig") {
            return Ok(Self::None);
        }
        // An account SAS does not sign the parameters of user delegation, so adding them to an account SAS must have no
        // effect.
        if query.has("skoid") && !query.has("ss") && !query.has("srt") {
            let id = |name| Uuid::parse_str(query.get(name)).map_err(|_| StorageError::WRONG_SIGNATURE);
            return Ok(Self::DelegationSas {
                principal: id("skoid")?,
                tenant: id("sktid")?,
            });
        }
        Ok(Self::KeySas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str], query: &str) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        let query = Query::parse(query).unwrap();
        match Credential::of(&headers, &query) {
            Ok(credential) => Ok(format!("{credential:?}")),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn a_request_has_one_credential() {
        assert_eq!(of(&["Bearer a.b.c"], "sig=x").unwrap(), "Token(\"a.b.c\")");
        assert_eq!(of(&["SharedKey a:b"], "").unwrap(), "Key");
        assert_eq!(of(&[], "sv=1").unwrap(), "None");
        assert_eq!(of(&[], "sig=x&sr=b").unwrap(), "KeySas");
        let id = Uuid::nil();
        let delegation = of(&[], &format!("sig=x&sr=b&skoid={id}&sktid={id}")).unwrap();
        assert!(delegation.starts_with("DelegationSas"), "{delegation}");
        let hidden = of(&[], &format!("sig=x&ss=b&srt=o&skoid={id}&sktid={id}")).unwrap();
        assert_eq!(hidden, "KeySas");
        for values in [
            &["Basic a"][..],
            &["Bearer"],
            &["Bearer a", "Bearer b"],
            &["bearer a"],
            &[""],
        ] {
            assert_eq!(of(values, ""), Err("InvalidAuthenticationInfo"), "{values:?}");
        }
        assert_eq!(of(&[], "sig=x&skoid=1"), Err("AuthenticationFailed"));
    }
}
