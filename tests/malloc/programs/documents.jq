# Documents that are built, grouped, changed, written and parsed again.
def rows: [range($scale * 9000) | {id: ., name: "n\(. * 7919 % 1009)", tags: [range(. % 5) | "t\(.)"], part: {size: (. % 17)}}];
rows as $rows
| ($rows | group_by(.name) | map({name: .[0].name, count: length, total: (map(.part.size) | add)})) as $groups
| ($groups | length, (map(.total) | add), (sort_by(-.count, .name) | .[0])),
  ($rows | map(select(.tags | length > 2) | .tags |= map(ascii_upcase)) | tojson | fromjson | length),
  ($rows | map(.name) | unique | join(",") | length),
  ([$rows[] | [paths] | length] | add),
  (reduce $rows[] as $row ({}; .[$row.name] += [$row.id]) | to_entries | map(.value | length) | max)
