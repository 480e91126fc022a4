"""What a kWh costs over the day: sources of prices, what is added to them, and the book the planner reads.

`assembly.open_tariffs` builds everything from the config. `quotes`, `zones`, `rules`, `book`, `estimate` and
`pace` are pure; each source is one small module with a parser that takes bytes.
"""
