//! The times at the beginning of the lines of a log.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Times have the same length, so they can be compared as text.
const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const LENGTH: usize = "2026-01-01T00:00:00.000Z".len();

/// The current time, such as `2026-01-01T00:00:00.000Z`.
pub(crate) fn now() -> String {
    format(OffsetDateTime::now_utc())
}

fn format(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(FORMAT)
        .expect("the year has four digits")
}

/// Splits a line into its time and the rest. PostgreSQL's form of a time, such as `2026-01-01 00:00:00.000 UTC`, is
/// understood too. The time is empty if the line does not start with one.
pub(crate) fn split(line: &str) -> (String, &str) {
    let parsed = line.split_at_checked(LENGTH - 1).and_then(|(start, rest)| {
        let rest = rest.strip_prefix("Z ").or_else(|| rest.strip_prefix(" UTC "))?;
        let time = format!("{}Z", start.replacen(' ', "T", 1));
        OffsetDateTime::parse(&time, &Rfc3339).ok()?;
        Some((time, rest))
    });
    parsed.unwrap_or_else(|| (String::new(), line))
}

/// Parses a moment: a time such as `2026-01-01T12:00:00Z`, or how long ago it was, such as `90s`, `10m`, `2h` or `1d`.
pub(crate) fn parse(text: &str) -> Option<String> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(format(time));
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let ago = time::Duration::seconds(i64::from(number) * seconds);
    Some(format(OffsetDateTime::now_utc().checked_sub(ago)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_after_its_time() {
        let now = now();
        assert_eq!(now.len(), LENGTH);
        assert_eq!(split(&format!("{now} a line")), (now.clone(), "a line"));
        assert_eq!(split(&format!("{now} ")), (now, ""));
        let of_postgres = split("2026-11-26 18:31:07.272 UTC [7] LOG:  ready");
        assert_eq!(of_postgres, ("2026-11-26T18:31:07.272Z".to_owned(), "[7] LOG:  ready"));
        for line in ["", "a line", "2026-13-01T00:00:00.000Z a", "ääääääääääääääääääääääää"] {
            assert_eq!(split(line), (String::new(), line));
        }
    }

    #[test]
    fn moments_are_parsed() {
        assert_eq!(parse("2026-01-02T03:04:05+01:00").unwrap(), "2026-01-02T02:04:05.000Z");
        for (earlier, later) in [("1d", "23h"), ("2h", "119m"), ("1m", "59s"), ("10s", "0s")] {
            assert!(parse(earlier).unwrap() < parse(later).unwrap(), "{earlier} {later}");
        }
        for text in ["", "m", "10", "-1m", "1w", "1ä", "yesterday", "9999999999s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
