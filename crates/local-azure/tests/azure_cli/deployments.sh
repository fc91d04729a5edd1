# shellcheck shell=bash source-path=SCRIPTDIR
# Deployments of a Node.js app, which needs no packages, and what is seen of them.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export AZURE_DEFAULTS_GROUP=deployments AZURE_DEFAULTS_WEB=story-$RANDOM$RANDOM
app=$AZURE_DEFAULTS_WEB
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/app"
cd "$scratch/app"
cat >package.json <<'END'
{"name": "story", "private": true, "scripts": {"build": "echo built in $PWD; cp page.txt built.txt", "start": "node server.js"}}
END
cat >server.js <<'END'
const page = require("fs").readFileSync("built.txt", "utf8").trim();
require("http").createServer((_, answer) => answer.end(`${page} ${process.env.GREETING ?? ""}`)).listen(process.env.PORT);
console.log("the app listens");
END
echo one >page.txt

# page EXPECTED: the front page contains this.
page() {
  for _ in $(seq 50); do
    if curl --silent --show-error "https://$app.azurewebsites.net/" | grep --quiet --fixed-strings -- "$1"; then return; fi
    sleep 0.2
  done
  echo "The page does not contain: $1" >&2
  exit 1
}
# pack NAME: packs the folder.
pack() {
  rm -f "$scratch/$1.zip"
  python3 -m zipfile --create "$scratch/$1.zip" ./*
}
deploy() {
  az webapp deploy --src-path "$scratch/$1.zip" --type zip "${@:2}"
}

az group create --name deployments --location westeurope
az appservice plan create --name plan --sku B1 --is-linux
az webapp create --name "$app" --plan plan --runtime NODE:22-lts
page "waiting for your content"
az webapp config appsettings set --settings SCM_DO_BUILD_DURING_DEPLOYMENT=true WEBSITES_CONTAINER_START_TIME_LIMIT=10
pack good
deploy good
page one
equals 4 webapp log deployment list --query "[0].status"
az webapp log deployment show --query "[].message" --output tsv >"$scratch/build"
grep "built in /home/site/wwwroot" "$scratch/build"
grep "NODE 22-lts: this machine's Node.js .* stands for it" "$scratch/build"

# A setting restarts the app.
az webapp config appsettings set --settings GREETING=hello
page "one hello"

# Packages that fail name the cause, and the version that runs goes on serving.
echo two >page.txt
sed -i 's/cp page.txt built.txt/echo no such file >\&2; exit 1/' package.json
pack build
says "The script 'build' of package.json failed" deploy build
says "The script 'build' of package.json failed" deploy build --track-status false
dependency='{"dependencies": {"an-unpublished-package-of-a-test": "1"}}'
echo "$dependency" >package.json
pack requirement
says "an-unpublished-package-of-a-test" deploy requirement
page one
echo '{"scripts": {"start": "echo no database >&2; exit 3"}}' >package.json
pack exits
says "exited with code 3" deploy exits
says "no database" deploy exits
page one
echo '{"scripts": {"start": "sleep 60"}}' >package.json
pack silent
says "it does not listen on any port" deploy silent
page one
az webapp config appsettings set --settings SCM_DO_BUILD_DURING_DEPLOYMENT=false
refused deploy none
says "type zip only" az webapp deploy --src-path "$scratch/good.zip" --type war
printf 'no zip' >"$scratch/damaged.zip"
says "cannot be unpacked" deploy damaged
page one
equals 3 webapp log deployment list --query "[0].status"

# The logs.
(timeout 20 az webapp log tail || test $? = 124) 2>&1 | tee "$scratch/stream"
grep "you are now connected to log-streaming service" "$scratch/stream"
grep "the app listens" "$scratch/stream"
az webapp log startup show --query content --output tsv | grep "exited with code 3"
file=$(az webapp log startup list --outcome failure --query "[-1].filename" --output tsv)
equals failure webapp log startup show --filename "$file" --query outcome
az webapp log download --log-file "$scratch/logs.zip"
python3 -m zipfile --list "$scratch/logs.zip" | grep LogFiles/lw0_default_docker.log

# The publishing user and, where its password is not accepted, a token.
user=$(az webapp deployment list-publishing-credentials --query publishingUserName --output tsv)
set +x
password=$(az webapp deployment list-publishing-credentials --query publishingPassword --output tsv)
echo "user = \"$user:$password\"" >"$scratch/curl"
set -x
kudu() {
  curl --silent --show-error --fail --config "$scratch/curl" "https://$app.scm.azurewebsites.net/api/$1" "${@:2}"
}
kudu settings | grep GREETING
az resource update --namespace Microsoft.Web --parent "sites/$app" --resource-type basicPublishingCredentialsPolicies \
  --name scm --set properties.allow=false
refused kudu settings
az webapp config appsettings set --settings SCM_DO_BUILD_DURING_DEPLOYMENT=true
cat >package.json <<'END'
{"name": "story", "private": true, "scripts": {"build": "cp page.txt built.txt", "start": "node server.js"}}
END
az webapp up --runtime NODE:22-lts --plan plan
page "two hello"
sed -i 's/^two/three/' page.txt
az webapp up --runtime NODE:22-lts --plan plan
page "three hello"

# An app that is deleted while it is built leaves nothing.
sed -i 's/cp page.txt/sleep 60; cp page.txt/' package.json
pack slow
deploy slow --async true --track-status false --timeout 2 || true
az webapp delete --name "$app"
test ! -e "$AZURE_CONFIG_DIR/../apps/$app"
az group delete --name deployments --yes
