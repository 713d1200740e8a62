# Completion of ferry for bash. To use it: source <(ferry completion bash)

_ferry() {
    local program=${COMP_WORDS[0]/#\~/$HOME} words=() line place='' cut=''
    type -P -- "$program" >/dev/null || program=ferry
    ((COMP_CWORD < 2)) || words=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    # bash makes three words of --links=safe, and completes the last of them.
    if [[ ${COMP_WORDS[COMP_CWORD]} == '=' || ${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then
        cut='*='
    fi
    COMPREPLY=()
    # The = before the last word keeps it from being dropped when it is empty.
    while IFS= read -r line; do
        case $place in
        '') place=$line ;;
        *)
            line=${line%%$'\t'*}
            COMPREPLY+=("${line#$cut}")
            ;;
        esac
    done < <("$program" __complete ${words[@]+"${words[@]}"} "=${COMP_WORDS[COMP_CWORD]}" 2>/dev/null </dev/null)
    # Names of files are left to bash, which knows how to quote them.
    if [[ $place == files ]]; then
        COMPREPLY=()
        compopt -o default 2>/dev/null
    fi
}

if type compopt >/dev/null 2>&1; then
    complete -F _ferry ferry
else # bash 3: names of files come wherever nothing else fits
    complete -o default -F _ferry ferry
fi
