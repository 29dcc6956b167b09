upper(x)
