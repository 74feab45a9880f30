"""Drafting a mapping: files are looked at, columns and values recognised, and what is unsure is said.

`words` knows names, `looking` reads files, `profile` describes columns, `relations` finds links between files,
`naming` says what a header may mean, `tables` which table a file is, `deciding` what each column becomes, `ends` how
deals and leads end, and `writing` puts it down as YAML for a person to finish.
"""
