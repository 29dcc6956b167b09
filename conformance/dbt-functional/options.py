import subprocess, sys, click
from dbt.cli.main import cli
owlet=sys.argv[1]
def walk(cmd,path):
    if isinstance(cmd,click.Group):
        for n,c in cmd.commands.items(): yield from walk(c,path+[n])
    yield path,cmd
missing={}
for path,cmd in walk(cli,[]):
    if not path or isinstance(cmd,click.Group): continue
    for p in cmd.params:
        if not isinstance(p,click.Option): continue
        for o in list(p.opts)+list(p.secondary_opts):
            val=[] if p.is_flag or p.count else ['1']
            r=subprocess.run([owlet,*path,o,*val,'--zzz'],capture_output=True,text=True)
            err=r.stderr+r.stdout
            if f"unexpected argument '{o}'" in err or ("unrecognized" in err): missing.setdefault(o,[]).append(' '.join(path)+(' hidden' if p.hidden else ''))
for o,c in sorted(missing.items()): print(o,len(c),c[:6])
