//! The forms of a PostgreSQL connection string: those of libpq, of .NET (Npgsql) and of JDBC, and URLs. Service
//! Connector sets each of them, depending on the language that it is told.
//! <https://learn.microsoft.com/azure/service-connector/how-to-integrate-postgres>

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::CharIndices;

use percent_encoding::percent_decode_str;
use url::Url;

/// What a connection string says about the server and the role. The rest of it, such as `sslmode`, is not used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ConnectionString {
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
    pub(super) database: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

impl ConnectionString {
    /// Reads a string in any of the forms. The error says what is wrong without quoting the string.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(url) = text.strip_prefix("jdbc:") {
            return Self::from_url(url, Query::Form);
        }
        if is_url(text) {
            return Self::from_url(text, Query::PercentEncoded);
        }
        // The separators alone do not tell the forms apart: a password may contain a blank or a semicolon.
        let pairs = match libpq_pairs(text) {
            Ok(pairs) if is_libpq(&pairs) || !text.contains(';') => pairs,
            Err(fault) if !text.contains(';') => return Err(fault),
            _ => semicolon_pairs(text)?,
        };
        let mut found = Self::default();
        for (name, value) in pairs {
            found.set(&name, value);
        }
        if found == Self::default() {
            return Err("it names no server, database or user");
        }
        Ok(found)
    }

    /// Sets what the name stands for in any of the forms: `user`, `User Id` and `UID` are the same.
    fn set(&mut self, name: &str, value: String) {
        let name = name.to_lowercase().replace([' ', '_'], "");
        let place = match name.as_str() {
            "host" | "server" => &mut self.host,
            // libpq connects to this address, and uses `host` only to verify the server.
            "hostaddr" if self.host.is_none() => &mut self.host,
            "port" => &mut self.port,
            "dbname" | "database" | "db" => &mut self.database,
            "user" | "username" | "userid" | "uid" => &mut self.user,
            "password" | "pwd" | "psw" => &mut self.password,
            _ => return,
        };
        if !value.is_empty() {
            *place = Some(value);
        }
    }

    fn from_url(text: &str, query: Query) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is not a valid URL")?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err("it is the URL of something else than PostgreSQL");
        }
        let decoded = |text: &str| -> Result<_, &'static str> {
            let text = percent_decode_str(text).decode_utf8();
            let text = text.map_err(|_| "it has percent-encoded bytes that are not UTF-8")?;
            Ok((!text.is_empty()).then(|| text.into_owned()))
        };
        let mut found = Self {
            host: decoded(url.host_str().unwrap_or_default().trim_matches(['[', ']']))?,
            port: url.port().map(|port| port.to_string()),
            database: decoded(url.path().trim_start_matches('/'))?,
            user: decoded(url.username())?,
            password: decoded(url.password().unwrap_or_default())?,
        };
        let text = match query {
            Query::Form => Cow::from(url.query().unwrap_or_default()),
            Query::PercentEncoded => url.query().unwrap_or_default().replace('+', "%2B").into(),
        };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            found.set(&name, value.into_owned());
        }
        Ok(found)
    }
}

/// How the parameters of a URL are encoded.
#[derive(Clone, Copy)]
enum Query {
    /// As in a form, where a plus sign is a blank: JDBC.
    Form,
    /// A plus sign is itself: libpq.
    PercentEncoded,
}

/// Whether the text begins with a scheme and two slashes.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// Whether pairs that were separated by blanks look like libpq's. With semicolons as separators, the first value runs
/// over several pairs.
fn is_libpq(pairs: &[(String, String)]) -> bool {
    let host = pairs.iter().find(|(name, _)| name == "host" || name == "hostaddr");
    host.is_some_and(|(_, host)| !host.contains(';'))
        && pairs
            .iter()
            .all(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// The pairs of `host=contoso-db password='it\'s'`.
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>
fn libpq_pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or("it has a part without an equals sign")?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err("it has a part without an equals sign");
        }
        let after = after.trim_start();
        let mut characters = after.char_indices().peekable();
        let is_quoted = characters.next_if(|(_, c)| *c == '\'').is_some();
        let (value, end) = libpq_value(&mut characters, is_quoted, after.len())?;
        pairs.push((name.to_owned(), value));
        rest = after[end..].trim_start();
    }
    Ok(pairs)
}

/// One value, and where the text after it begins.
fn libpq_value(
    characters: &mut Peekable<CharIndices<'_>>,
    is_quoted: bool,
    length: usize,
) -> Result<(String, usize), &'static str> {
    let mut value = String::new();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            '\'' if is_quoted => return Ok((value, at + 1)),
            c if !is_quoted && c.is_whitespace() => return Ok((value, at)),
            c => value.push(c),
        }
    }
    if is_quoted {
        Err("it has a quote that is not closed")
    } else {
        Ok((value, length))
    }
}

/// The pairs of `Server=contoso-db;Password="a;b"`, which is the form of .NET and of Azure Storage. A quote within a
/// quoted value is doubled.
pub(super) fn semicolon_pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start();
            continue;
        }
        let (name, after) = rest.split_once('=').ok_or("it has a part without an equals sign")?;
        if name.contains(';') {
            return Err("it has a part without an equals sign");
        }
        let after = after.trim_start();
        let (value, next) = if let Some(quote @ ('"' | '\'')) = after.chars().next() {
            let (value, next) = quoted(&after[1..], quote).ok_or("it has a quote that is not closed")?;
            if !next.trim_start().is_empty() && !next.trim_start().starts_with(';') {
                return Err("it has text between a closing quote and the next semicolon");
            }
            (value, next)
        } else {
            let (value, next) = after.split_once(';').unwrap_or((after, ""));
            (value.trim_end().to_owned(), next)
        };
        pairs.push((name.trim().to_owned(), value));
        rest = next.trim_start();
    }
    Ok(pairs)
}

/// The value up to the closing quote, and the text after it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(quote)?;
        value.push_str(before);
        match after.strip_prefix(quote) {
            Some(after) => {
                value.push(quote);
                rest = after;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests;
