//! Filters for the templates. Askama finds them by the name of this module.

#![expect(
    clippy::inline_always,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "askama generates every filter this way"
)]

use askama::{Result, Values};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A date as people read it: `24 Nov 2026`.
#[askama::filter_fn]
pub fn day(date: &OffsetDateTime, _: &dyn Values) -> Result<String> {
    let format = format_description!(version = 2, "[day padding:none] [month repr:short] [year]");
    date.format(format).map_err(askama::Error::custom)
}

/// A date as programs read it, for `<time datetime>`.
#[askama::filter_fn]
pub fn timestamp(date: &OffsetDateTime, _: &dyn Values) -> Result<String> {
    date.format(&Rfc3339).map_err(askama::Error::custom)
}

/// A number with its noun: `1 review`, `2 reviews`.
#[askama::filter_fn]
pub fn reviews(count: &u64, _: &dyn Values) -> Result<String> {
    Ok(if *count == 1 {
        "1 review".to_owned()
    } else {
        format!("{count} reviews")
    })
}
