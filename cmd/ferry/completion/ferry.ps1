# Completion of ferry for PowerShell. To use it: ferry completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName ferry -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        Select-Object -Skip 1 |
        ForEach-Object { $_.Extent.Text.Trim("'", '"') })
    # The = before the last word keeps it from being dropped when it is empty.
    $lines = @(& ferry __complete @words "=$wordToComplete" 2>$null)
    # Without a result PowerShell offers the names of files.
    if ($lines.Count -eq 0 -or $lines[0] -eq 'files') { return }
    $lines | Select-Object -Skip 1 | ForEach-Object {
        $word, $text = $_ -split "`t", 2
        if (-not $text) { $text = $word } # it must not be empty
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $text)
    }
}
