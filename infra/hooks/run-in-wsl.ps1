# Runs a hook on Windows, in WSL: the hooks are bash scripts, and the site is built for Linux. In WSL, install what the
# hooks need, and sign in with `az login` and `azd auth login` there too.
#
#   infra/hooks/run-in-wsl.ps1 preprovision.sh
param([Parameter(Mandatory)] [string] $Script)
$ErrorActionPreference = 'Stop'

if (-not (Get-Command wsl.exe -ErrorAction SilentlyContinue)) {
    throw "The scripts of this project run on Linux. Install WSL (wsl --install), and start again. See docs/tutorial.md."
}

# WSL passes on only the variables that WSLENV names.
$variables = @(
    'ADMIN_PRINCIPALS'
    'AZURE_ENV_NAME'
    'AZURE_PRINCIPAL_NAME'
    'AZURE_RESOURCE_GROUP'
    'CI'
    'CLIENT_IP'
    'DB_NAME'
    'DB_SERVER_NAME'
    'IDENTITY_NAME'
    'IDENTITY_PRINCIPAL_ID'
    'PRIVATE_NETWORK'
    'STAFF_CLIENT_ID'
    'WEB_HOST'
)
$env:WSLENV = (@($env:WSLENV) + $variables | Where-Object { $_ }) -join ':'

$project = (Resolve-Path "$PSScriptRoot/../..").Path
# A login shell finds cargo, which rustup adds to the PATH in ~/.profile.
wsl.exe --cd $project --exec bash --login "infra/hooks/$Script"
if ($LASTEXITCODE -ne 0) {
    throw "infra/hooks/$Script failed in WSL with exit status $LASTEXITCODE."
}
