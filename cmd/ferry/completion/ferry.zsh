#compdef ferry -value-,FERRY_CODE,-default-
# Completion of ferry for zsh. To use it: source <(ferry completion zsh)

_ferry() {
    local program=${~words[1]} place line word
    local -a lines plain shown
    (( $+commands[$program] )) || [[ -x $program ]] || program=ferry
    if [[ $service != ferry ]]; then
        _ferry_code
        return
    fi
    # The = before the last word keeps it from being dropped when it is empty.
    lines=("${(@f)$($program __complete "${(@Q)words[2,CURRENT-1]}" "=${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    place=$lines[1]
    if [[ $PREFIX == --*=* ]]; then
        compset -P '*='
    fi
    if [[ $place == files ]]; then
        _files
        return
    fi
    for line in "${(@)lines[2,-1]}"; do
        word=${line%%$'\t'*}
        [[ -z $IPREFIX ]] || word=${word#*=}
        [[ -n $word ]] || continue
        plain+=("$word")
        shown+=("${(r:22:)word}  ${line#*$'\t'}")
    done
    (( $#plain )) && compadd -l -d shown -a plain
}

# A code in FERRY_CODE=7-copper-... : its words are completed one at a time. The code
# itself goes to no other program.
_ferry_code() {
    local -a list
    list=("${(@f)$(ferry completion words 2>/dev/null </dev/null)}")
    compset -P '*-' && compadd -S '' -a list
}

if [[ $funcstack[1] == _ferry ]]; then # loaded from $fpath
    _ferry "$@"
elif (( $+functions[compdef] )); then
    compdef _ferry ferry -value-,FERRY_CODE,-default-
else
    autoload -Uz compinit && compinit
    compdef _ferry ferry -value-,FERRY_CODE,-default-
fi
