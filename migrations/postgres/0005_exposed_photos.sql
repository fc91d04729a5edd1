-- After a review was hidden, its photo gets a new name, because visitors may have its address. Until it has one, the photo
-- is exposed: if the process dies in between, the clean-up finds it here.

select set_config('search_path', quote_ident(current_schema()), true);

alter table reviews add column photo_exposed boolean not null default false;
