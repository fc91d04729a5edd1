//! Filters for the templates. Askama finds them by the name of this module.

#![expect(
    clippy::inline_always,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "askama generates every filter this way"
)]

use std::borrow::Cow;

use askama::{Result, Values};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::model::without_direction_controls;

/// A typed text where no markup can isolate it: the title of a page, an attribute.
#[askama::filter_fn]
pub fn plain<'a>(text: &'a str, _: &dyn Values) -> Result<Cow<'a, str>> {
    Ok(without_direction_controls(text))
}

/// A time as people read it: `24 Nov 2026, 18:05 UTC`. The page's script shows it in the visitor's time zone.
#[askama::filter_fn]
pub fn utc(date: &OffsetDateTime, _: &dyn Values) -> Result<String> {
    let format = format_description!(
        version = 2,
        "[day padding:none] [month repr:short] [year], [hour]:[minute] UTC"
    );
    let date = date.to_offset(UtcOffset::UTC);
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
