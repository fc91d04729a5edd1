-- How common a word is decides which way a search is answered (see store/postgres/list.rs). A sample tells: one
-- restaurant in 101, a prime, so that nothing that comes at regular intervals is always or never in it.

select set_config('search_path', quote_ident(current_schema()), true);

create index restaurants_search_sample on restaurants using gin (search_words) where id % 101 = 0;
