"""The identity of the app, one for the whole process: it caches tokens, and gets the next one before one expires."""

from azure.identity import DefaultAzureCredential

credential = DefaultAzureCredential()
