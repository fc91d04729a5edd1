//! Describes errors of the official credentials without revealing secrets.
//!
//! Such an error may quote an endpoint's response, which can contain a token that could not be parsed, or
//! repeat the request's own secret. Its `Debug` form contains the whole response.

use std::error::Error;
use std::fmt;

use azure_core::error::ErrorKind;
use azure_core::http::{StatusCode, Url};

const HIDDEN: &str = "[hidden]";

/// The longest text that is quoted from a response. Entra's descriptions have about 400 characters.
const MAX_CHARS: usize = 1000;

/// The description of an error, with secrets hidden.
pub(crate) struct Description {
    pub text: String,
    /// The status of the HTTP response that caused it.
    pub status: Option<StatusCode>,
    /// The body of that response, unless `text` contains it.
    pub body: Option<String>,
}

/// Secrets that are known in advance.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Creates a list of secrets to hide, both verbatim and URL-encoded as in a form.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
        let variants = secrets.flat_map(|secret| {
            let encoded = Url::parse_with_params("http://localhost/", [("", secret)]).ok();
            let encoded = encoded.and_then(|url| url.query()?.strip_prefix('=').map(str::to_owned));
            [Some(on_one_line(secret)), encoded].into_iter().flatten()
        });
        Self(variants.filter(|secret| !secret.is_empty()).collect())
    }

    /// Returns `text` as one line of limited length, with known secrets and everything that looks like a token
    /// hidden.
    pub fn hide(&self, text: &str) -> String {
        let mut line = on_one_line(text);
        for secret in &self.0 {
            line = line.replace(secret, HIDDEN);
        }
        let line = line.split(' ').map(hide_tokens).collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => format!("{}...", &line[..end]),
            None => line,
        }
    }

    /// Describes `error` and its causes.
    pub fn describe(&self, error: &azure_core::Error) -> Description {
        // The outermost error repeats the inner one and adds the credential's name, which an attempt already has.
        let inner = error.downcast_ref::<azure_core::Error>().unwrap_or(error);
        let causes = || std::iter::successors(Some(inner as &(dyn Error + 'static)), cause);

        let mut unreadable = false;
        let mut last_response = None;
        for error in causes().filter_map(|error| error.downcast_ref::<azure_core::Error>()) {
            match error.kind() {
                ErrorKind::DataConversion => unreadable = true,
                ErrorKind::HttpResponse {
                    status, raw_response, ..
                } => last_response = Some((*status, raw_response)),
                _ => {}
            }
        }

        let mut text = String::new();
        for cause in causes() {
            let mut message = cause.to_string();
            if unreadable {
                message = hide_quoted(&message);
            }
            // Many errors repeat their cause in their own message.
            let message = self.hide(&message);
            if text.contains(&message) {
                continue;
            }
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&message);
        }
        if text.is_empty() {
            // A command may fail without a word.
            "it failed without saying why".clone_into(&mut text);
        }
        if unreadable {
            text = format!("the response is not a token in the expected format: {text}");
        }

        let status = last_response.map(|(status, _)| status);
        if let Some(status) = status {
            text = format!("HTTP {}: {text}", u16::from(status));
        }
        let body = last_response
            .and_then(|(_, response)| response.as_ref())
            .map(|response| self.hide(&String::from_utf8_lossy(response.body())))
            .filter(|body| !body.is_empty() && !text.contains(body));
        Description { text, status, body }
    }
}

/// The text with one space instead of each run of white space. A secret is looked for in a text of this form: a response
/// may break the lines of what it repeats.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cause<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    (**error).source()
}

/// Hides the value that a parser's message quotes, because that value may be the token.
fn hide_quoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}{HIDDEN}{}", &message[..first], &message[last + 1..])
        }
        _ => message.to_owned(),
    }
}

/// Hides JSON Web Tokens, which start with `eyJ`, the base64 form of `{"`.
fn hide_tokens(word: &str) -> String {
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    let mut shown = String::new();
    let mut rest = word;
    while let Some(start) = rest.find("eyJ") {
        let (before, token) = rest.split_at(start);
        let end = token.find(|c| !is_token_char(c)).unwrap_or(token.len());
        shown.push_str(before);
        shown.push_str(if end < 20 { &token[..end] } else { HIDDEN });
        rest = &token[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_are_hidden_verbatim_and_url_encoded() {
        let secrets = Secrets::new(["a~b c", ""]);
        let text = secrets.hide("secret a~b c, sent client_secret=a%7Eb+c&x=1");
        assert_eq!(text, "secret [hidden], sent client_secret=[hidden]&x=1");
        assert_eq!(format!("{secrets:?}"), "Secrets");
        assert_eq!(Secrets::new([" \n"]).hide("a b"), "a b");
    }

    #[test]
    fn a_secret_is_hidden_whatever_white_space_is_in_it() {
        let spaces = ["", " ", "\n", "\r\n\t", "\u{a0}", "  "];
        for (own, sent) in spaces.iter().flat_map(|own| spaces.map(|sent| (*own, sent))) {
            if own.is_empty() == sent.is_empty() {
                let secret = format!("first{own}second");
                let text = format!("sent: first{sent}second.");
                assert_eq!(
                    Secrets::new([secret.as_str()]).hide(&text),
                    "sent: [hidden].",
                    "{secret:?} {text:?}"
                );
            }
        }
    }

    #[test]
    fn tokens_are_hidden_anywhere_in_a_text() {
        let token = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl";
        let secrets = Secrets::default();
        assert_eq!(
            secrets.hide(&format!("Bearer {token}\n{{\"access_token\":\"{token}\"}}")),
            "Bearer [hidden] {\"access_token\":\"[hidden]\"}"
        );
        assert_eq!(secrets.hide("eyJ is short"), "eyJ is short");
    }

    #[test]
    fn secrets_are_hidden_before_a_long_text_is_truncated() {
        let secret = "s".repeat(MAX_CHARS);
        let text = format!("{}{secret}", "é".repeat(MAX_CHARS - 2));
        let shown = Secrets::new([secret.as_str()]).hide(&text);
        assert_eq!(shown, format!("{}[h...", "é".repeat(MAX_CHARS - 2)));
    }

    #[test]
    fn a_value_that_a_parser_quotes_is_hidden() {
        let error = azure_core::json::from_json::<_, u32>(r#""it's \"opaque\" but secret""#).unwrap_err();
        assert!(
            error.to_string().contains("secret"),
            "the test needs an error that quotes the value"
        );
        let error = azure_core::Error::with_error(ErrorKind::Credential, error, "outer");
        let description = Secrets::default().describe(&error);
        assert_eq!(
            description.text,
            "the response is not a token in the expected format: \
             invalid type: string [hidden], expected u32 at line 1 column 28"
        );
        assert!(description.status.is_none() && description.body.is_none());
    }

    #[test]
    fn an_error_without_a_message_has_a_description() {
        for message in ["", " ", "\n"] {
            let error = azure_core::Error::with_message(ErrorKind::Credential, message);
            let description = Secrets::default().describe(&error);
            assert_eq!(description.text, "it failed without saying why", "{message:?}");
        }
    }

    #[test]
    fn repeated_causes_appear_once() {
        let lowest = std::io::Error::other("connection refused");
        let inner = azure_core::Error::with_error(ErrorKind::Io, lowest, "cannot send");
        let inner = inner.with_context("cannot send, even after retries");
        let outer = azure_core::Error::with_error(ErrorKind::Credential, inner, "X authentication failed.");
        let description = Secrets::default().describe(&outer);
        assert_eq!(description.text, "cannot send, even after retries: connection refused");
    }
}
