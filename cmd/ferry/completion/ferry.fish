# Completion of ferry for fish. To use it: ferry completion fish | source

function __ferry_ask
    set -l words (commandline -opc)
    set -l program $words[1]
    type -q -- $program; or set program ferry
    # The = before the last word keeps it from being dropped when it is empty.
    $program __complete $words[2..-1] "="(commandline -ct) 2>/dev/null </dev/null
end

function __ferry_complete
    set -l lines (__ferry_ask)
    test "$lines[1]" = files; or printf '%s\n' $lines[2..-1]
end

# Names of files are left to fish, which knows how to quote them.
function __ferry_files
    set -l lines (__ferry_ask)
    test "$lines[1]" = files
end

# A code in set -x FERRY_CODE 7-copper-... : the code itself goes to no other program.
function __ferry_code
    set -l before (string match -r -- '^.*-' (commandline -ct))
    test -n "$before"; and printf '%s\n' $before(ferry completion words 2>/dev/null </dev/null)
end

complete -c ferry -f -a '(__ferry_complete)'
complete -c ferry -n __ferry_files -F
complete -c set -n 'string match -q -- FERRY_CODE (commandline -opc)' -f -a '(__ferry_code)'
