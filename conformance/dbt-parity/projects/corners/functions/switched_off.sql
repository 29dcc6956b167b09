{{ config(enabled=false, alias='other') }} 1
