//! Any query of an address is read within bounds, and reads the same when the site writes it. A cursor and an id are what
//! the site would write.

#![no_main]

use form_urlencoded::Serializer;
use libfuzzer_sys::fuzz_target;
use restaurant_review::model::{ListCursor, RestaurantId, ReviewCursor, Search, Sort};
use restaurant_review::pages::{details, list};
use restaurant_review::photos::PhotoName;

fuzz_target!(|text: &str| {
    check_list(text);
    if let Some((direction, cursor)) = details::parse(text).from {
        let _ = cursor.date();
        let query = Serializer::new(String::new())
            .append_pair(direction.as_str(), &cursor.to_string())
            .finish();
        assert_eq!(details::parse(&query).from, Some((direction, cursor)));
    }
    for sort in Sort::ALL {
        if let Some(cursor) = ListCursor::parse(sort, text) {
            assert_eq!(cursor.to_string(), text);
        }
    }
    if let Ok(cursor) = text.parse::<ReviewCursor>() {
        assert_eq!(cursor.to_string(), text);
    }
    if let Ok(id) = text.parse::<RestaurantId>() {
        assert_eq!(id.url(), format!("/{text}/"));
    }
    if let Ok(name) = text.parse::<PhotoName>() {
        assert_eq!(name.as_str(), text);
        assert_eq!(name.thumbnail().as_str().parse(), Ok(name.thumbnail()));
    }
});

fn check_list(text: &str) {
    let query = list::parse(text);
    assert!(query.search.text().chars().count() <= 100);
    assert!(
        query
            .search
            .terms()
            .is_none_or(|terms| terms.len() <= Search::WORDS_MAX)
    );
    let mut written = Serializer::new(String::new());
    written.append_pair("q", query.search.text());
    written.append_pair("sort", query.sort.as_str());
    if let Some((direction, cursor)) = &query.from {
        let (folded, _, _) = cursor.key.values();
        assert!(!folded.contains('\0'), "PostgreSQL would refuse it");
        written.append_pair(direction.as_str(), &cursor.to_string());
    }
    assert_eq!(list::parse(&written.finish()), query);
}
