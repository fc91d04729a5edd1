-- A search in the order of names looks through the order for the words: in the index alone, which has them too. Names
-- share words, so their order lies far from even for a search; the other orders do not.

select set_config('search_path', quote_ident(current_schema()), true);

drop index restaurants_by_name;
create index restaurants_by_name on restaurants (name_folded, id) include (search_words);
