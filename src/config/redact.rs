//! How a refused setting is shown. This is the only place that decides what may be printed.

/// What a connection string, a signed URL or a password setting contains, in lower case and percent-encoded too.
const MARKS: [&str; 12] = [
    ";", "@", "%3b", "%40", "key=", "key%3d", "sig=", "sig%3d", "passw", "pwd", "secret", "token",
];
/// Longer than any word of a valid setting. Keys, signatures and tokens are longer.
const LONGEST_WORD: usize = 40;

/// The value in quotes, or only its length if it may hold a secret.
#[must_use]
pub fn shown(value: &str) -> String {
    if may_hold_secret(value) {
        format!(
            "[{} characters, hidden because they may hold a secret]",
            value.chars().count()
        )
    } else {
        format!("{value:?}")
    }
}

fn may_hold_secret(value: &str) -> bool {
    let lower = value.to_lowercase();
    // `user:password@` has the mark `@`.
    MARKS.iter().any(|mark| lower.contains(mark))
        || value
            .split(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-".contains(c))
            .any(|word| word.len() > LONGEST_WORD && !word.contains('/'))
        || value.split_whitespace().any(is_base64_key)
}

/// Whether the word has the form of a key in base64, whose alphabet has the slash of paths as well.
fn is_base64_key(word: &str) -> bool {
    word.len() > LONGEST_WORD && word.ends_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hold_a_secret_is_hidden() {
        for secret in [
            "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0",
            "accountkey=c2VjcmV0",
            "https://contoso.blob.core.windows.net/photos?sv=2024-11-04&sig=c2VjcmV0",
            "https://contoso.blob.core.windows.net/photos?SIG%3Dc2VjcmV0",
            "postgresql://ada:s3cret@contoso-db/restaurant",
            "ada:s3cret%40contoso-db",
            "Server=contoso-db;Database=restaurant",
            "host=contoso-db Password = 's3cret'",
            "host=contoso-db PASSWD=s",
            "Pwd=s",
            &"c2VjcmV0".repeat(11),
            &format!("c2/{}==", "c2VjcmV0".repeat(10)),
            &format!("eyJ0eXAi.{}.abc", "c2VjcmV0".repeat(20)),
        ] {
            let text = shown(secret);
            assert_eq!(
                text,
                format!(
                    "[{} characters, hidden because they may hold a secret]",
                    secret.chars().count()
                )
            );
        }
    }

    #[test]
    fn a_harmless_value_is_shown() {
        for value in [
            "eighty",
            "site=loud,sqlx=debug",
            "contoso-db.postgres.database.azure.com:5432",
            "http://127.0.0.1:10000/devstoreaccount1",
            "/home/ada/restaurant-review/a-folder-with-a-long-name/and/another/one/below/it/data",
            "5a5a5a5a-1111-2222-3333-444444444444",
        ] {
            assert_eq!(shown(value), format!("{value:?}"));
        }
    }
}
