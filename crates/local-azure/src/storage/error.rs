//! The error responses of Blob Storage.
//! <https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2>

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::tokens::{STORAGE, TokenRejection};

/// The reason why a request is rejected. It contains no part of the request, and therefore no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    pub(super) status: StatusCode,
    /// Azure's code. Clients use it to distinguish errors.
    pub(super) code: &'static str,
    message: &'static str,
    /// `AuthenticationErrorDetail`.
    detail: Option<&'static str>,
    /// Whether the response has a challenge that says where to get tokens.
    challenge: bool,
    /// `Retry-After`, in seconds.
    retry_after: Option<u64>,
}

impl StorageError {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
            detail: None,
            challenge: false,
            retry_after: None,
        }
    }

    pub(super) const NO_SUCH_RESOURCE: Self = Self::new(
        StatusCode::NOT_FOUND,
        "ResourceNotFound",
        "The specified resource does not exist.",
    );
    pub(super) const NO_ACCESS_BY_KEY: Self = Self::new(
        StatusCode::FORBIDDEN,
        "KeyBasedAuthenticationNotPermitted",
        "Key based authentication is not permitted on this storage account.",
    );
    pub(super) const NO_PUBLIC_ACCESS: Self = Self::new(
        StatusCode::CONFLICT,
        "PublicAccessNotPermitted",
        "Public access is not permitted on this storage account.",
    );
    pub(super) const NO_PERMISSION: Self = Self::new(
        StatusCode::FORBIDDEN,
        "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.",
    );
    pub(super) const WRONG_SIGNATURE: Self = Self::new(
        StatusCode::FORBIDDEN,
        "AuthenticationFailed",
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly \
         including the signature.",
    );
    pub(super) const WRONG_SCHEME: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "InvalidAuthenticationInfo",
        "The authentication information was not provided in the correct format. Verify the value of Authorization \
         header.",
    );
    pub(super) const WRONG_ADDRESS: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "InvalidUri",
        "The requested URI does not represent any resource on the server.",
    );
    pub(super) const WRONG_QUERY: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "InvalidQueryParameterValue",
        "Value for one of the query parameters specified in the request URI is invalid.",
    );
    pub(super) const WRONG_VERSION: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "InvalidHeaderValue",
        "The value for one of the HTTP headers is not in the correct format: x-ms-version.",
    );
    pub(super) const WRONG_COPY_SOURCE: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "InvalidHeaderValue",
        "The value for one of the HTTP headers is not in the correct format: x-ms-copy-source.",
    );
    pub(super) const NO_BATCHES: Self = Self::new(
        StatusCode::NOT_IMPLEMENTED,
        "NotImplemented",
        "Local Azure does not support batches: send the requests one by one.",
    );
    pub(super) const STARTING: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "ServerBusy",
        "The server is currently unable to receive requests. Please retry your request.",
    );

    /// The fault of that status, which a developer has injected.
    pub(super) fn injected(status: StatusCode) -> Self {
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Self {
                retry_after: Some(INJECTED_RETRY_AFTER),
                ..Self::STARTING
            },
            StatusCode::INTERNAL_SERVER_ERROR => Self::new(
                status,
                "InternalError",
                "The server encountered an internal error. Please retry the request.",
            ),
            _ => Self::new(
                status,
                "InjectedFault",
                "Local Azure was asked to answer with this status.",
            ),
        }
    }

    /// The source of a copy cannot be read. `status` is the status of the attempt to read it.
    pub(super) const fn unreadable_copy_source(status: StatusCode) -> Self {
        Self::new(
            status,
            "CannotVerifyCopySource",
            "Could not verify the copy source within the specified time.",
        )
    }

    /// The protocol version is too old for bearer tokens.
    pub(super) const fn old_version() -> Self {
        Self {
            detail: Some("Authentication scheme Bearer is not supported in this version."),
            ..Self::WRONG_SIGNATURE
        }
    }

    /// A token is rejected.
    pub(super) const fn token(why: TokenRejection) -> Self {
        Self {
            detail: Some(match why {
                TokenRejection::Malformed | TokenRejection::MissingClaims => {
                    "Invalid JWT. The token is not well formed."
                }
                TokenRejection::Algorithm | TokenRejection::UnknownKey | TokenRejection::Signature => {
                    "Signature validation failed. Signature verification failed."
                }
                TokenRejection::Tenant => "Issuer validation failed. Issuer did not match.",
                TokenRejection::Audience => "Audience validation failed. Audience did not match.",
                TokenRejection::NotYetValid => "Lifetime validation failed. The token is not yet valid.",
                TokenRejection::Expired => "Lifetime validation failed. The token is expired.",
            }),
            ..Self::challenge("InvalidAuthenticationInfo")
        }
    }

    /// The request is anonymous, and the container does not allow that. Old protocol versions do not reveal that the
    /// resource exists.
    pub(super) fn anonymous(version: &str) -> Self {
        if version < FIRST_WITH_CHALLENGE {
            Self::NO_SUCH_RESOURCE
        } else {
            Self::challenge("NoAuthenticationInformation")
        }
    }

    const fn challenge(code: &'static str) -> Self {
        Self {
            challenge: true,
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                code,
                "Server failed to authenticate the request. Please refer to the information in the www-authenticate \
                 header.",
            )
        }
    }

    /// The response, in the form of Azure's errors.
    pub(super) fn response(&self, method: &Method, version: &str, tenant: Uuid) -> Response {
        let id = Uuid::new_v4();
        let time = OffsetDateTime::now_utc();
        let time = time.format(&Rfc3339).expect("the current time can be formatted");
        let detail = self.detail.map_or_else(String::new, |detail| {
            format!("<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>")
        });
        let (code, message) = (self.code, self.message);
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\n\
             RequestId:{id}\nTime:{time}</Message>{detail}</Error>"
        );
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        add("x-ms-request-id", &id.to_string());
        add("x-ms-error-code", code);
        add("x-ms-version", if version.is_empty() { CURRENT } else { version });
        if let Some(seconds) = self.retry_after {
            add(RETRY_AFTER.as_str(), &seconds.to_string());
        }
        if self.challenge {
            let challenge = format!(
                "Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize \
                 resource_id={STORAGE}"
            );
            add(WWW_AUTHENTICATE.as_str(), &challenge);
        }
        add(CONTENT_TYPE.as_str(), "application/xml");
        let body = if *method == Method::HEAD { String::new() } else { text };
        (self.status, headers, body).into_response()
    }
}

/// When a client may try again after an injected 503, in seconds.
const INJECTED_RETRY_AFTER: u64 = 2;
/// The first protocol version that answers anonymous requests with a challenge.
/// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge>
const FIRST_WITH_CHALLENGE: &str = "2019-12-12";
/// The first protocol version that accepts bearer tokens.
pub(super) const FIRST_WITH_TOKENS: &str = "2017-11-09";
/// The protocol version of the response if the request names none.
const CURRENT: &str = "2025-11-05";
