from dataclasses import dataclass
FOLDERS={"easy":"curv_baseline","intermediate":"curv_contour_length_9","hard":"curv_contour_length_14"}
@dataclass(frozen=True)
class Settings:
    resolution:int=32
    difficulty:str="hard"
    seed:int=0
def generate(*a,**k): raise NotImplementedError
