#!/bin/sh
# Guides for LocalStack start and stop an interception of the Azure CLI. Here there is nothing to intercept.
case ${1-} in
start-interception) echo "This is a shell of Local Azure: az already reaches it by Azure's own names." ;;
stop-interception) echo "az reaches Local Azure in this shell, and Azure outside of it: leave the shell with exit." ;;
*) exec az "$@" ;;
esac
