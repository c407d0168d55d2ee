package process

// Begin starts a program, as process.start does after its look.
var Begin = begin
