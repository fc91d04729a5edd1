//! The list of restaurants: one query for each order and direction.
//!
//! ?1 is the search, or null; ?2 to ?5 are the id, name, average and number of reviews of the cursor's restaurant.

use crate::model::{Direction, Search, Sort};

/// The query that reads a page, and one row more, in that direction from a cursor.
pub(super) fn sql(sort: Sort, direction: Direction) -> &'static str {
    use Direction::{After, Before};
    match (sort, direction) {
        (Sort::Name, After) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (name, id) > (?3, ?2)
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by name, id limit 51"
        }
        (Sort::Name, Before) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (name, id) < (?3, ?2)
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by name desc, id desc limit 51"
        }
        (Sort::Rating, After) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (milli_stars, review_count, id) < (?4, ?5, ?2)
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by milli_stars desc, review_count desc, id desc limit 51"
        }
        (Sort::Rating, Before) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (milli_stars, review_count, id) > (?4, ?5, ?2)
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by milli_stars, review_count, id limit 51"
        }
        (Sort::Reviews, After) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (review_count, id) < (?5, ?2)
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by review_count desc, id desc limit 51"
        }
        (Sort::Reviews, Before) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (review_count, id) > (?5, ?2)
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by review_count, id limit 51"
        }
        (Sort::Newest, After) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where id < ?2
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by id desc limit 51"
        }
        (Sort::Newest, Before) => {
            "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where id > ?2
               and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
             order by id limit 51"
        }
    }
}

/// The search in FTS5's query syntax: every word, quoted, as a prefix. <https://sqlite.org/fts5.html>
pub(super) fn match_expression(search: &Search) -> Option<String> {
    let words = search.words()?;
    if words.is_empty() {
        // Only punctuation was typed: an empty phrase, which matches no row.
        return Some("\"\"".to_owned());
    }
    let prefixes = words.iter().map(|word| format!("\"{}\"*", word.replace('"', "\"\"")));
    Some(prefixes.collect::<Vec<_>>().join(" "))
}
