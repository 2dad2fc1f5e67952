"""Programs as workloads: a tool file says how a program is called and what it makes.

`reading` makes a `Tool` of a file, `argv` makes the words of a command of it and of inputs, and
`running` starts the program and finds what it has made. There is never a shell.
"""
